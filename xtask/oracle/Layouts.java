// Asks the real logback what it makes of patterns: one JVM for thousands of cases. Reads patterns from
// standard input, one a line, escaped; prints the events it has once, then a result for each pattern and
// event. Compiled and run by `cargo xtask oracle` against each version that is compared with.

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.PatternLayout;
import ch.qos.logback.classic.spi.LoggerContextVO;
import ch.qos.logback.classic.spi.LoggingEvent;
import ch.qos.logback.classic.spi.ThrowableProxy;
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.util.*;

public class Layouts {
    static final long BORN = 1_737_900_000_000L;

    record Said(long millis, Level level, String logger, String thread, String message,
                Map<String, String> fields, Throwable thrown) {}

    public static void main(String[] args) throws Exception {
        TimeZone.setDefault(TimeZone.getTimeZone("UTC"));
        Locale.setDefault(Locale.US);
        var out = new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
        var context = new LoggerContext();
        context.setName("shop");
        try {
            // Without one, %sn of newer versions does not start.
            var generator = Class.forName("ch.qos.logback.core.spi.SequenceNumberGenerator");
            var basic = Class.forName("ch.qos.logback.core.spi.BasicSequenceNumberGenerator").getConstructor().newInstance();
            LoggerContext.class.getMethod("setSequenceNumberGenerator", generator).invoke(context, basic);
        } catch (ReflectiveOperationException older) {
            // Not there before 1.3.
        }
        var said = events();
        for (int n = 0; n < said.size(); n++) {
            out.println(String.join("\t", describe(n, said.get(n))));
        }
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null; ) {
            var parts = line.split("\t", 2);
            one(out, context, said, parts[0], unescape(parts[1]));
        }
        out.flush();
    }

    // `which` lists the events by number.
    static void one(PrintStream out, LoggerContext context, List<Said> said, String which, String pattern) {
        out.println("pattern\t" + escape(pattern));
        context.getStatusManager().clear();
        var layout = new PatternLayout();
        layout.setContext(context);
        layout.setPattern(pattern);
        try {
            layout.start();
        } catch (Throwable thrown) {
            out.println("refused\t" + thrown.getClass().getSimpleName());
            return;
        }
        var bad = context.getStatusManager().getCopyOfStatusList().stream()
            .anyMatch(status -> status.getEffectiveLevel() > 0);
        if (!layout.isStarted() || bad) {
            out.println("refused\tstatus");
            return;
        }
        for (var number : which.split(",")) {
            int n = Integer.parseInt(number);
            String text;
            try {
                text = "is\t" + n + "\t" + escape(layout.doLayout(event(context, said.get(n), n)));
            } catch (Throwable thrown) {
                text = "threw\t" + n + "\t" + thrown.getClass().getSimpleName();
            }
            out.println(text);
        }
    }

    static LoggingEvent event(LoggerContext context, Said said, int n) {
        var event = new LoggingEvent();
        event.setTimeStamp(said.millis);
        event.setLevel(said.level);
        event.setLoggerName(said.logger);
        event.setThreadName(said.thread);
        event.setMessage(said.message);
        event.setMDCPropertyMap(said.fields);
        event.setCallerData(!said.fields.containsKey("class") ? new StackTraceElement[0] : new StackTraceElement[] {
            new StackTraceElement(said.fields.get("class"), said.fields.get("method"), said.fields.get("file"),
                Integer.parseInt(said.fields.get("line"))) });
        event.setLoggerContextRemoteView(new LoggerContextVO("shop", Map.of(), BORN));
        if (said.thrown != null) {
            event.setThrowableProxy(new ThrowableProxy(said.thrown));
        }
        newer(event, "setSequenceNumber", long.class, (long) n);
        try {
            var pair = Class.forName("org.slf4j.event.KeyValuePair").getConstructor(String.class, Object.class);
            var add = LoggingEvent.class.getMethod("addKeyValuePair", Class.forName("org.slf4j.event.KeyValuePair"));
            for (var field : said.fields.entrySet()) {
                add.invoke(event, pair.newInstance(field.getKey(), field.getValue()));
            }
        } catch (ReflectiveOperationException older) {
            // Before 2.0 there were no pairs.
        }
        return event;
    }

    static void newer(LoggingEvent event, String name, Class<?> type, Object value) {
        try {
            LoggingEvent.class.getMethod(name, type).invoke(event, value);
        } catch (ReflectiveOperationException older) {
            // Not there before 1.3.
        }
    }

    static List<String> describe(int n, Said said) {
        var fields = new StringJoiner("\u001f");
        said.fields.forEach((key, value) -> fields.add(key + "\u001e" + value));
        var trace = new StringWriter();
        if (said.thrown != null) {
            said.thrown.printStackTrace(new PrintWriter(trace, true));
        }
        return List.of("event", "" + n, "" + said.millis, said.level.toString(), escape(said.logger),
            escape(said.thread), escape(said.message), escape(fields.toString()), escape(trace.toString()), "end");
    }

    static List<Said> events() {
        var all = new ArrayList<Said>();
        var levels = List.of(Level.TRACE, Level.DEBUG, Level.INFO, Level.WARN, Level.ERROR);
        var loggers = List.of("audit", "shop.orders.OrderService", "org.example.a.very.long.package.name.of.some.Class",
            "a.b.C", "com.acme.exactly.32.characters.XYZ", "x..y.Z", "io.shop.$Inner$1", "\u00fcber.stra\u00dfe.Caf\u00e9");
        var messages = List.of("hello world", "", "x", "\ud83d\ude00x and more \ud83d\ude00", "two\nlines\r\nthree", "\u4e2d\u6587 wide", "e\u0301 combining",
            "a message that is quite a bit longer than any usual width of a column would be", "100% \\done\\ {}", "tab\tand nul\u0000");
        var times = List.of(1_737_973_846_123L, 0L, 951_782_400_000L, 1_711_846_799_999L, 1_711_846_800_000L, 1_730_000_000_001L,
            1_735_689_599_999L, 1_735_689_600_000L, 4_102_444_800_050L, 1_704_067_200_000L, 1_730_613_600_000L);
        for (int n = 0; n < 40; n++) {
            var fields = new LinkedHashMap<String, String>();
            if (n % 3 != 0) fields.put("user", n % 2 == 0 ? "ada" : "");
            if (n % 4 == 1) fields.put("k 2", "v \"quoted\" 'x'");
            if (n % 5 == 2) {
                fields.put("class", "shop.orders.OrderService$Inner");
                fields.put("method", "place");
                fields.put("file", "OrderService.java");
                fields.put("line", "42");
            }
            all.add(new Said(times.get(n % times.size()), levels.get(n % levels.size()), loggers.get(n % loggers.size()),
                n % 2 == 0 ? "main" : "pool-1-thread-" + n, messages.get(n % messages.size()), fields,
                n < 20 ? null : thrown(n - 20)));
        }
        return all;
    }

    static Throwable thrown(int n) {
        var one = framed(new IllegalStateException("no stock"), 3, "shop.orders");
        return switch (n) {
            case 0 -> one;
            case 1 -> framed(new RuntimeException(), 1, "a.b");
            case 2 -> framed(new IllegalStateException("outer", framed(new IOException("disk"), 5, "shop.disk")), 3, "shop.orders");
            case 3 -> framed(new RuntimeException("a", framed(new RuntimeException("b", framed(new IOException("c"), 2, "z")), 4, "y")), 6, "x");
            case 4 -> framed(new RuntimeException("no frames"), 0, "x");
            case 5 -> { one.addSuppressed(framed(new IOException("closing"), 2, "shop.close")); yield one; }
            case 6 -> {
                var outer = framed(new RuntimeException("outer", one), 2, "shop.main");
                outer.addSuppressed(framed(new IOException("s1", framed(new IOException("s1 cause"), 1, "q")), 2, "shop.close"));
                outer.addSuppressed(framed(new IOException("s2"), 1, "shop.close"));
                yield outer;
            }
            case 7 -> framed(new RuntimeException("two\nlines"), 2, "m");
            case 8 -> framed(new Error("colon: in: message"), 12, "deep");
            case 9 -> shared(3, 4);
            case 10 -> shared(1, 1);
            case 11 -> shared(5, 2);
            default -> framed(new RuntimeException("n" + n, n % 2 == 0 ? shared(n % 4, 2) : null), n % 6, "shop.p" + n);
        };
    }

    static <T extends Throwable> T framed(T thrown, int count, String where) {
        var frames = new StackTraceElement[count];
        for (int n = 0; n < count; n++) {
            frames[n] = new StackTraceElement(where + ".C" + n, "m" + n, n % 3 == 2 ? null : "C" + n + ".java", n % 4 == 3 ? -2 : n + 1);
        }
        thrown.setStackTrace(frames);
        return thrown;
    }

    // A cause whose last frames are those of what it caused.
    static Throwable shared(int own, int common) {
        var cause = new IOException("root");
        var outer = new RuntimeException("wrapped", cause);
        framed(outer, common + 2, "shop.common");
        var tail = Arrays.asList(outer.getStackTrace()).subList(2, common + 2);
        var frames = new ArrayList<>(Arrays.asList(framed(new Exception(), own, "shop.own").getStackTrace()));
        frames.addAll(tail);
        cause.setStackTrace(frames.toArray(new StackTraceElement[0]));
        return outer;
    }

    static String escape(String text) {
        return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r").replace("\0", "\\0");
    }

    static String unescape(String text) {
        var out = new StringBuilder();
        for (int n = 0; n < text.length(); n++) {
            char c = text.charAt(n);
            if (c != '\\') { out.append(c); continue; }
            c = text.charAt(++n);
            out.append(c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c);
        }
        return out.toString();
    }
}
