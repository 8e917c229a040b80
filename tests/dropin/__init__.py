"""The peers' own suites on our classes: a pytest plugin a peer, see CONTRIBUTING.md."""
