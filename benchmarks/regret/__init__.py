"""How much reward policies miss while they learn: ours in many worlds, beside other libraries."""
