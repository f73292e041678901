"""acquire: bring a dataset into the DESED layout, by rendering soundscapes or from recordings."""
