"""The agent: runs on the nodes, standard library only, shipped as one zip over SSH."""
