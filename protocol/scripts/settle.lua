-- settle: the successor that a forward leads to has been used: the forward does not lead on for much longer.
--
-- KEYS[1]  forward, `<prefix>:{<tag>}:s:<22 characters>` (protocol/README.md, 7)
-- ARGV[1]  until when it leads on at the latest, ms since the epoch
--
-- answer   1  settled; its bytes 41 to 46 never say later than before, byte 47 is 1
--          0  nothing was written: no forward stands there, or it was settled before
--
-- The lifetime stays. SETRANGE would make a key without one where there is none.

local head = redis.call('GETRANGE', KEYS[1], 0, 47)
if string.sub(head, 1, 2) ~= '\1\128' or string.byte(head, 48) ~= 0 then return 0 end
local till = math.min((struct.unpack('>I6', head, 42)), tonumber(ARGV[1]))
redis.call('SETRANGE', KEYS[1], 41, struct.pack('>I6', till) .. '\1')
return 1
