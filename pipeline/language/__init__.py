"""What is known of Chinese and English, apart from any rule."""
