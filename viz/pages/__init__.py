"""Interactive pages: captured arrays to one HTML file that needs no network."""
