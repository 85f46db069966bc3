"""`nbdeploy build`: from an endpoint, a bundle or a notebook to a proven image."""
