"""The documents that `colregion demo` shows, drawn from one set of invented figures."""
