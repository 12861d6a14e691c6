"""Training of the embedded experts and critic from scratch: `python -m experts.poster.train NAME|--all`."""
