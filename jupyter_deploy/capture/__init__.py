"""Reading a service out of a live kernel: its code, its state, what it imports, its golden calls."""
