"""Small recurrent maps fitted by damped least squares to the last digit."""
