"""What an owner sees and switches while it runs: status, changes, command line, API, page."""
