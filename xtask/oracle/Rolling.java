// Asks the real logback what becomes of files: one JVM for thousands of scenarios. Reads them from standard
// input, one a line, of which each has a folder of its own; prints whether the configuration was taken, and
// which files there are at the end with what is in them. Time is that of the scenario. Compiled and run by
// `cargo xtask oracle` against each version that is compared with.
//
// A scenario has five parts with tabs between them:
// - the kind: `time`, `size N`, or `window MIN MAX`; then `history N`, `total N` and `clean`, if wanted
// - the active file, or `-` where logback writes into the dated file
// - the pattern
// - files that are there before: NAME@SECONDS:BYTES, with blanks between them
// - what happens: `+SECONDS` starts anew, `SECONDS:BYTES` is an event, `!` before it rolls by hand
//
// The first start counts from 2023-01-27T00:00:00Z, all other times from the first start.

import ch.qos.logback.core.ContextBase;
import ch.qos.logback.core.encoder.EchoEncoder;
import ch.qos.logback.core.rolling.*;
import ch.qos.logback.core.util.FileSize;
import java.io.*;
import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.Future;
import java.util.zip.GZIPInputStream;

public class Rolling {
    static final long BASE = 1_674_777_600L;

    public static void main(String[] args) throws Exception {
        TimeZone.setDefault(TimeZone.getTimeZone("UTC"));
        Locale.setDefault(Locale.US);
        var out = new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        var work = Files.createTempDirectory("rolling");
        int number = 0;
        for (String line; (line = in.readLine()) != null; number++) {
            var folder = Files.createDirectory(work.resolve("n" + number));
            // Else logback would remove the folder when its last file is too old.
            Files.createFile(folder.resolve(".stays"));
            String result;
            try {
                result = new Scenario(folder, line.split("\t", -1)).run();
            } catch (Throwable thrown) {
                result = "refused " + thrown.getClass().getSimpleName();
            }
            out.println(line + "\t" + result);
            remove(folder);
        }
        remove(work);
        out.flush();
        System.exit(0);
    }

    static void remove(Path path) throws IOException {
        try (var all = Files.walk(path)) {
            for (var one : all.sorted(Comparator.reverseOrder()).toList()) Files.delete(one);
        }
    }

    static class Scenario {
        final Path folder;
        final Map<String, List<String>> words = new HashMap<>();
        final String file;
        final String pattern;
        final String before;
        final String[] script;
        final ContextBase context = new ContextBase();
        RollingFileAppender<Object> appender;
        TimeBasedRollingPolicy<Object> dated;
        TimeBasedFileNamingAndTriggeringPolicy<Object> trigger;
        // Seconds since 1970 at the first start.
        final long origin;
        long started;
        boolean wrote;
        long written;

        Scenario(Path folder, String[] parts) {
            this.folder = folder;
            List<String> last = null;
            for (var word : parts[0].split(" ")) {
                if (Character.isDigit(word.charAt(0))) last.add(word);
                else words.put(word, last = new ArrayList<>());
            }
            file = parts[1].equals("-") ? null : folder + "/" + parts[1];
            pattern = folder + "/" + parts[2];
            before = parts[3];
            script = parts[4].split(" ");
            origin = BASE + Long.parseLong(script[0].substring(1));
            script[0] = "+0";
        }

        long number(String word, int n) {
            return Long.parseLong(words.get(word).get(n));
        }

        String run() throws Exception {
            int count = 0;
            for (var one : before.isEmpty() ? new String[0] : before.split(" ")) {
                int at = one.lastIndexOf('@');
                int colon = one.lastIndexOf(':');
                var path = folder.resolve(one.substring(0, at));
                Files.createDirectories(path.getParent());
                var text = padded("p" + count++, Integer.parseInt(one.substring(colon + 1)));
                try (var stream = stream(path)) { stream.write(text.getBytes()); }
                changed(path, origin + Long.parseLong(one.substring(at + 1, colon)));
            }
            int events = 0;
            for (var step : script) {
                if (step.startsWith("+")) {
                    if (appender != null) stop();
                    if (!start(Long.parseLong(step.substring(1)))) return "refused status";
                    continue;
                }
                boolean byHand = step.startsWith("!");
                var parts = step.substring(byHand ? 1 : 0).split(":");
                wrote = true;
                written = origin + Long.parseLong(parts[0]);
                if (byHand) appender.rollover();
                if (trigger != null) trigger.setCurrentTime(written * 1000);
                appender.doAppend(padded("" + events++, Integer.parseInt(parts[1])).stripTrailing());
                settle();
            }
            stop();
            return listing();
        }

        boolean start(long now) throws Exception {
            started = origin + now;
            wrote = false;
            appender = new RollingFileAppender<>();
            appender.setContext(context);
            appender.setName("a");
            if (file != null) appender.setFile(file);
            boolean ready = words.containsKey("window") ? window() : dated(started * 1000);
            var encoder = new EchoEncoder<Object>();
            encoder.setContext(context);
            encoder.start();
            appender.setEncoder(encoder);
            appender.start();
            settle();
            return ready && appender.isStarted();
        }

        boolean window() {
            var policy = new FixedWindowRollingPolicy();
            policy.setContext(context);
            policy.setParent(appender);
            policy.setFileNamePattern(pattern);
            policy.setMinIndex((int) number("window", 0));
            policy.setMaxIndex((int) number("window", 1));
            policy.start();
            var never = new SizeBasedTriggeringPolicy<Object>();
            never.setContext(context);
            never.setMaxFileSize(new FileSize(1L << 40));
            never.start();
            appender.setRollingPolicy(policy);
            appender.setTriggeringPolicy(never);
            return policy.isStarted();
        }

        boolean dated(long now) {
            dated = new TimeBasedRollingPolicy<>();
            dated.setContext(context);
            dated.setParent(appender);
            dated.setFileNamePattern(pattern);
            if (words.containsKey("size")) {
                var size = new SizeAndTimeBasedFNATP<Object>();
                size.setMaxFileSize(new FileSize(number("size", 0)));
                trigger = size;
            } else {
                trigger = new DefaultTimeBasedFileNamingAndTriggeringPolicy<>();
            }
            dated.setTimeBasedFileNamingAndTriggeringPolicy(trigger);
            trigger.setCurrentTime(now);
            if (words.containsKey("history")) dated.setMaxHistory((int) number("history", 0));
            if (words.containsKey("total")) dated.setTotalSizeCap(new FileSize(number("total", 0)));
            dated.setCleanHistoryOnStart(words.containsKey("clean"));
            dated.start();
            appender.setRollingPolicy(dated);
            return dated.isStarted();
        }

        void stop() throws Exception {
            var active = appender.isStarted() ? Path.of(appender.getFile()) : null;
            appender.stop();
            // Files that nothing was written to since are as old as they were.
            if (active != null && Files.exists(active) && (wrote || Files.size(active) == 0)) changed(active, wrote ? written : started);
        }

        // What runs in the background is over before the scenario goes on.
        void settle() throws Exception {
            if (dated == null) return;
            for (var name : List.of("compressionFuture", "cleanUpFuture")) {
                Field field = TimeBasedRollingPolicy.class.getDeclaredField(name);
                field.setAccessible(true);
                var future = (Future<?>) field.get(dated);
                if (future != null) future.get();
            }
        }

        String listing() throws IOException {
            var shown = new TreeMap<String, String>();
            try (var all = Files.walk(folder)) {
                for (var path : all.filter(Files::isRegularFile).sorted().toList()) {
                    var name = folder.relativize(path).toString();
                    // The name of a file that waits for its compression has a number of the clock.
                    name = name.replaceAll("[0-9]+\\.tmp$", "N.tmp");
                    if (!name.equals(".stays")) shown.merge(name, content(path), (a, b) -> a + "+" + b);
                }
            }
            var line = new StringJoiner(" ");
            shown.forEach((name, content) -> line.add(name + "=" + content));
            return line.toString();
        }
    }

    static OutputStream stream(Path path) throws IOException {
        var stream = Files.newOutputStream(path);
        return path.toString().endsWith(".gz") ? new java.util.zip.GZIPOutputStream(stream) : stream;
    }

    static void changed(Path path, long seconds) throws IOException {
        Files.setLastModifiedTime(path, java.nio.file.attribute.FileTime.fromMillis(seconds * 1000));
    }

    static String padded(String text, int bytes) {
        return text + ".".repeat(Math.max(0, bytes - 1 - text.length())) + "\n";
    }

    // The events of a file: numbers in a row are joined.
    static String content(Path path) throws IOException {
        byte[] bytes = Files.readAllBytes(path);
        if (path.toString().endsWith(".gz")) {
            try (var stream = new GZIPInputStream(new ByteArrayInputStream(bytes))) { bytes = stream.readAllBytes(); }
        }
        var shown = new ArrayList<String>();
        long first = -2, last = -2;
        for (var line : new String(bytes, StandardCharsets.UTF_8).split("\n")) {
            var text = line.replaceAll("\\.+$", "");
            if (text.isEmpty()) continue;
            if (text.startsWith("p")) {
                shown.add(text);
                last = -2;
                continue;
            }
            long event = Long.parseLong(text);
            if (event == last + 1) shown.set(shown.size() - 1, first + "-" + event);
            else shown.add("" + (first = event));
            last = event;
        }
        return String.join(",", shown);
    }
}
