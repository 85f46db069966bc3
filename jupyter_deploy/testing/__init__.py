"""For the tests of projects with notebooks: the pytest plugin."""
