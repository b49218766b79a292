"""Units for the tests of `itdl.sweep`, in a package of their own so that workers can import them."""
