"""What runs against somebody else's software: real clients, frameworks, and the peers respq is compared with."""
