"""Payment providers as they are over HTTP, on this machine: stateful, and faulty when they are told to be."""
