"""Services in containers of the user's own engine: the local supervisor holds their addresses."""
