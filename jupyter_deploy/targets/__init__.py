"""Where a bundle can run: `local`, and whatever the entry-point group `nbdeploy.targets` adds."""
