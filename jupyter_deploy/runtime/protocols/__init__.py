"""The protocols: each turns a manifest's entries into routes with its own request, answer and error shapes."""
