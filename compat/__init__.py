"""What runs against somebody else's software: clients, frameworks, and peers to be compared with."""
