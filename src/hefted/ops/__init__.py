"""Operations on arrays that layers are made of (Keras's whole `ops` comes with the next release)."""
