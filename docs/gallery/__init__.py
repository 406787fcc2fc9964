"""What makes the pictures of docs/gallery.md: `python -m docs.gallery`, from the root of a checkout."""
