"""What training leaves behind: solutions, recordings, and the store that finds them again.

In: tensors and a record. Out: safetensors files with validated headers, found by id, run or set.
Must not know: how they were trained, or who looks at them.
"""
