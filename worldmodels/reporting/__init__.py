"""Pictures of how runs go, and one page that shows all of them."""
