"""Events of sound files of any length, by a trained model."""
