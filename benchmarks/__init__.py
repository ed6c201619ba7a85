"""The same work on seqfit's engines, and on its peers, in one run."""
