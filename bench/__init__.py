"""Speed of sharpwave beside its peers and beside the machine's own limit: ``python -m bench``."""
