"""The image: a bundle with everything it needs, built by a container engine and proven in a container."""

from __future__ import annotations

from jupyter_deploy.image.build import BuildOptions, Image, build_image

__all__ = ["BuildOptions", "Image", "build_image"]
