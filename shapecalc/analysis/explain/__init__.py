"""Why a layer's figures are what they are: its own rules, run on the names of its arguments and axes."""
