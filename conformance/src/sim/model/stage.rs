//! Hand-made facts for the tests of the model.
