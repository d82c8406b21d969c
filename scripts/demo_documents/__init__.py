"""The documents of `colregion demo`, drawn from one set of invented figures."""
