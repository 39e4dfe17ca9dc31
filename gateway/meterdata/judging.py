"""Stage usage: judges the use of all customers and the balance of all transformers on a local day that is over."""
