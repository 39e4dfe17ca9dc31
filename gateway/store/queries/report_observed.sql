select observed_since() as observed_since
