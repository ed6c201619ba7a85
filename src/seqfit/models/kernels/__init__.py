"""Recurrent cells as compiled kernels: forward, and backward through time."""
