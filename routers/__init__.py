"""Small models: the request classifier and the specialists. Knows neither `gateway` nor `policies`."""
