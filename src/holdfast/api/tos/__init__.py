"""The routes of the travel operating system: its paths, camelCase, and every answer in an envelope."""
