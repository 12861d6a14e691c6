"""Extractors: a prompt becomes a plan, and a plan the next plan after every step."""
