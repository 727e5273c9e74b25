/** Reading a little of a lot of memory. */

const PAGE_BYTES: usize = 4096;

export function touchPages(ptr: usize, byteCount: i32): i32 {
  const end = ptr + <usize>byteCount;
  let word: i32 = 0;
  for (let at = ptr; at < end; at += PAGE_BYTES) word ^= load<i32>(at);
  return word;
}
