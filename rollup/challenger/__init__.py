"""The challenger: answers what is false in dispute games, and sees games to their end."""
