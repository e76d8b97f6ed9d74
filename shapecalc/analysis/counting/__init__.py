"""How much does the network compute? Multiply-accumulates, operations, and what each counting tool says."""
