"""Recurrent layers: one family a file. `recurrence` is the loop over time that they share."""
