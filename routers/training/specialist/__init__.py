"""Fine-tune one specialist: an adapter and a head on the shared encoder, calibrated and with a card."""
