"""The objects that `pulumi up` declares: one file per thing a user can name. Pure functions build, components register."""
