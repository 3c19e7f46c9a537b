// The order of these is what they are for: time and patience are set before a function reads them.
import './instance-clock.ts';
import './instance-patience.ts';
import '../../functions/index.ts';
