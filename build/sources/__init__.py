"""Where raw code comes from: folders, installed packages, tables and datasets of the Hub, one module each."""
