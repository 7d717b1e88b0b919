"""What is kept (`LinefeedData`), and what can be replaced at any time (`LinefeedPipeline`, `LinefeedPage`)."""
