"""The Master's own backup, its restore, and what is settled afterwards."""
