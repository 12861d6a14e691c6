"""Many machines, by simulation."""
