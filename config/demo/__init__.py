"""The main job done once on real input: what `./run` shows a newcomer."""
