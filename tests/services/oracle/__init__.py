"""An object store that speaks as Alibaba OSS and Tencent COS do, and has their own clients check each signature."""
